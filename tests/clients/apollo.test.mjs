// Apollo Client: relay-style pages merged in its cache, mutations, and subscriptions over a WebSocket.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import { OperationTypeNode } from "graphql";
import { filter, firstValueFrom } from "rxjs";

import { CHANGES, joined, muster, newGroup, queue } from "./account.mjs";

const MEMBERS = gql`
  query Members($group: ID!, $after: String) {
    group(id: $group) { id memberCount members(first: 2, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }
  }
`;
const CONTACTS = gql`
  query Contacts($after: String) {
    contacts(first: 3, after: $after) { edges { cursor node { id tags { id name } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
  }
`;
const RENAME = gql`mutation Rename($id: ID!, $name: String!) { updateGroup(input: { id: $id, name: $name }) { group { id name } userErrors { message } } }`;
const NAME = gql`query Name($id: ID!) { group(id: $id) { id name } }`;

function client(t) {
  const socket = createClient({ url: muster.socketUrl, connectionParams: { Authorization: `Bearer ${muster.token}` } });
  t.after(() => socket.dispose());
  const http = new HttpLink({ uri: muster.url, headers: muster.headers });
  return new ApolloClient({
    cache: new InMemoryCache({
      typePolicies: {
        Query: { fields: { contacts: relayStylePagination(["where", "search", "orderBy"]) } },
        Group: { fields: { members: relayStylePagination(["orderBy", "search"]) } },
      },
    }),
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), http),
  });
}

async function watch(t, options) {
  const watched = client(t).watchQuery(options);
  const subscription = watched.subscribe();
  t.after(() => subscription.unsubscribe());
  return [watched, await until(watched, ({ dataState }) => dataState === "complete")];
}

const until = (watched, wanted) => firstValueFrom(watched.pipe(filter(wanted)));

test("pages of a connection become one list", async (t) => {
  const [watched, { data }] = await watch(t, { query: CONTACTS });
  const first = data.contacts;
  assert.equal(first.edges.length, 3);
  await watched.fetchMore({ variables: { after: first.pageInfo.endCursor } });
  const both = (await until(watched, ({ data: shown }) => shown.contacts.edges.length === 6)).data.contacts;
  assert.equal(new Set(both.edges.map(({ node }) => node.id)).size, 6);
  assert.equal(both.pageInfo.hasNextPage, true);
});

test("pages of a group's members become one list that ends", async (t) => {
  const group = await newGroup(), members = new Set();
  for (let count = 0; count < 5; count += 1) members.add(await group.add());
  const [watched, first] = await watch(t, { query: MEMBERS, variables: { group: group.id } });
  for (let { data } = first; data.group.members.pageInfo.hasNextPage; ) {
    ({ data } = await watched.fetchMore({ variables: { after: data.group.members.pageInfo.endCursor } }));
  }
  const whole = await until(watched, ({ data: shown }) => shown.group.members.edges.length === members.size);
  const { edges, pageInfo } = whole.data.group.members;
  assert.deepEqual(new Set(edges.map(({ node }) => node.id)), members);
  assert.equal(pageInfo.hasNextPage, false);
});

test("what a mutation returns is seen by those who watch the same object", async (t) => {
  const group = await newGroup(), made = client(t);
  await made.query({ query: NAME, variables: { id: group.id } });
  const name = `${group.id} renamed`;
  await made.mutate({ mutation: RENAME, variables: { id: group.id, name } });
  assert.equal(made.readQuery({ query: NAME, variables: { id: group.id } }).group.name, name);
});

test("a subscription is told of members who join", async (t) => {
  const group = await newGroup(), { tell, next } = queue();
  const changes = client(t).subscribe({ query: gql(CHANGES), variables: { group: group.id } });
  const subscription = changes.subscribe({ next: ({ data }) => tell(data.groupChanges), error: assert.fail });
  await joined(group, next);
  subscription.unsubscribe();
});

test("an error arrives with its code", async (t) => {
  const wrong = client(t).query({ query: NAME, variables: { id: "nonsense" } });
  await assert.rejects(wrong, (error) => CombinedGraphQLErrors.is(error) && error.errors[0].extensions.code === "BAD_USER_INPUT");
});
