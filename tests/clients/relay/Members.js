// What a component that shows a group's members asks for.
import { graphql } from "react-relay";

export const group = graphql`
  fragment Members_group on Group
  @refetchable(queryName: "MembersPage")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    name
    memberCount
    members(first: $count, after: $cursor) @connection(key: "Members_members") {
      edges {
        node {
          id
          ... on Contact { firstName lastName tags { id name } }
          ... on Appointment { startsAt }
        }
      }
    }
  }
`;

export const contacts = graphql`
  fragment Members_contacts on Query
  @refetchable(queryName: "MembersContactsPage")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    contacts(first: $count, after: $cursor) @connection(key: "Members_contacts") {
      edges { node { id email } }
    }
  }
`;

export const query = graphql`
  query MembersQuery($id: ID!) {
    group(id: $id) { ...Members_group }
    node(id: $id) { __typename ... on Group { criteriaText } }
    ...Members_contacts
  }
`;

export const changes = graphql`
  subscription MembersChangesSubscription($id: ID!, $after: String) {
    groupChanges(groupId: $id, after: $after) {
      ... on MembersChanged { cursor memberCount joinedIds leftIds }
      ... on GroupReset { cursor reason }
      ... on GroupHeartbeat { cursor }
    }
  }
`;

export const add = graphql`
  mutation MembersAddMutation($fields: ContactFields!, $tags: [TagRef!]!, $connections: [ID!]!) {
    createContact(input: { fields: $fields, tags: $tags }) {
      contact @appendNode(connections: $connections, edgeTypeName: "ContactEdge") { id email }
      userErrors { code message path }
    }
  }
`;
