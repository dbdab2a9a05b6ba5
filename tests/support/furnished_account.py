"""An account with something of every kind in it, all of which bears one name."""

from resolvers.operation.context import Context
from tests.support.graphql import ask

FURNISH = """
mutation ($name: String!, $email: String!, $key: String!) {
  updateAccount(input: {name: $name}) { account { id } userErrors { message } }
  createUser(input: {name: $name, email: $email, role: ADMIN}) { user { id } userErrors { message } }
  createAccessToken(input: {name: $name}) { accessToken { id } userErrors { message } }
  createCustomField(input: {key: $key, label: $name, type: TEXT}) { field { key } userErrors { message } }
  createTag(input: {name: $name}) { tag { id } userErrors { message } }
}
"""
POPULATE = """
mutation ($name: String!, $email: String!, $owner: ID!, $custom: JSON!, $criteria: CriteriaInput!) {
  createContact(input: {fields: {firstName: $name, email: $email, ownerId: $owner, customFields: $custom}, tags: [{name: $name}]}) {
    contact { id } userErrors { message }
  }
  createGroup(input: {name: $name, criteria: $criteria, permission: {view: {everyone: true}, edit: {users: [$owner]}}}) {
    group { id } userErrors { message }
  }
}
"""
MEET = """
mutation ($name: String!, $contact: ID!) {
  createAppointment(input: {contactId: $contact, title: $name, startsAt: "2030-01-01T00:00:00Z"}) {
    appointment { id } userErrors { message }
  }
  startBulkAction(input: {target: {contactIds: [$contact]}, change: {tags: {remove: [{name: $name}]}}}) {
    bulkAction { id } userErrors { message }
  }
}
"""


async def furnish(context: Context, name: str) -> dict[str, str]:
    """Put something of every kind into an account, with the name written all over it; returns an id of each kind."""
    own = {"name": name, "email": f"{name}@example.com"}
    first = await ask(context, FURNISH, **own, key=name.lower())
    found = {"Account": first["updateAccount"]["account"], "User": first["createUser"]["user"], "Tag": first["createTag"]["tag"]}
    found["AccessToken"] = first["createAccessToken"]["accessToken"]
    criteria = {"contacts": {"tags": {"containsAny": [{"name": name}]}}}
    custom = {name.lower(): name}
    second = await ask(context, POPULATE, **own, owner=found["User"]["id"], custom=custom, criteria=criteria)
    found |= {"Contact": second["createContact"]["contact"], "Group": second["createGroup"]["group"]}
    third = await ask(context, MEET, name=name, contact=found["Contact"]["id"])
    found |= {"Appointment": third["createAppointment"]["appointment"], "BulkAction": third["startBulkAction"]["bulkAction"]}
    return {kind: node["id"] for kind, node in found.items()}
