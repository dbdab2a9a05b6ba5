// The account that the clients sign in to, and writes that let something happen in it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const { MUSTER_URL, MUSTER_TOKEN, MUSTER_GET_URL, MUSTER_GET_TOKEN } = process.env;
const server = (url, token) => ({ url, socketUrl: url.replace("http", "ws"), token, headers: { authorization: `Bearer ${token}` } });

export const muster = server(MUSTER_URL, MUSTER_TOKEN); // as it is installed
export const withGet = server(MUSTER_GET_URL, MUSTER_GET_TOKEN); // with MUSTER_ALLOW_GET_QUERIES
export const CHANGES = `subscription Changes($group: ID!) {
  groupChanges(groupId: $group) { __typename ... on MembersChanged { joined { id } } ... on GroupHeartbeat { cursor } ... on GroupReset { cursor } }
}`;

export async function ask(query, variables) {
  const headers = { ...muster.headers, "content-type": "application/json" };
  const response = await fetch(muster.url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

export async function newGroup() {
  const tag = { name: randomUUID() };
  const criteria = { contacts: { tags: { containsAny: [tag] } } };
  await ask("mutation ($tag: String!) { createTag(input: { name: $tag }) { tag { id } } }", { tag: tag.name });
  const created = await ask(
    "mutation ($name: String!, $criteria: CriteriaInput!) { createGroup(input: { name: $name, criteria: $criteria }) { group { id } userErrors { message } } }",
    { name: tag.name, criteria },
  );
  return { id: created.createGroup.group.id, add: () => newMember(tag) };
}

async function newMember(tag) {
  const created = await ask("mutation ($tag: TagRef!) { createContact(input: { fields: {}, tags: [$tag] }) { contact { id } } }", { tag });
  return created.createContact.contact.id;
}

export async function newToken() {
  const { createAccessToken } = await ask(
    'mutation { createAccessToken(input: { name: "for a while" }) { secret accessToken { id } userErrors { message } } }',
  );
  const { secret, accessToken } = createAccessToken;
  return { secret, revoke: () => ask("mutation ($id: ID!) { revokeAccessToken(id: $id) { userErrors { message } } }", { id: accessToken.id }) };
}

// Adds members until one of them is told of: a subscription opens at some moment after it was asked for, and a heartbeat
// instead of a member says that this one came too early.
export async function joined(group, next) {
  for (;;) {
    const member = await group.add();
    for (let change = await next(); change.__typename !== "GroupHeartbeat"; change = await next()) {
      if (change.joined?.some(({ id }) => id === member)) return;
    }
  }
}

// Turns what is told by calls into what can be waited for.
export function queue() {
  const told = [];
  let wake = () => {};
  return {
    tell: (change) => { told.push(change); wake(); },
    next: async () => {
      while (told.length === 0) await new Promise((resolve) => { wake = resolve; });
      return told.shift();
    },
  };
}
