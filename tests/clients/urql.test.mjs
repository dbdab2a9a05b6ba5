// urql: queries by POST and by GET, mutations, and subscriptions over a WebSocket and as events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";

import { CHANGES, joined, muster, newGroup, queue, withGet } from "./account.mjs";

const CONTACTS = "query Contacts($first: Int!) { contacts(first: $first) { nodes { id tags { id } } } }";

const client = ({ url, headers }, exchange, options) =>
  new Client({ url, exchanges: [cacheExchange, exchange, fetchExchange], fetchOptions: { headers }, preferGetMethod: false, ...options });

const plain = ({ forward }) => forward;

test("a query is answered, and answered again from the cache", async () => {
  const made = client(muster, plain);
  const { data, error } = await made.query(CONTACTS, { first: 3 });
  assert.equal(error, undefined);
  assert.equal(data.contacts.nodes.length, 3);
  assert.equal((await made.query(CONTACTS, { first: 3 })).operation.context.meta.cacheOutcome, "hit");
});

test("a query by GET, as urql sends it of itself, is answered where that is allowed", async () => {
  const made = client(withGet, plain, { preferGetMethod: undefined });
  assert.equal((await made.query("query { viewer { __typename } }", {})).data.viewer.__typename, "Viewer");
});

test("a mutation is answered", async () => {
  const { data } = await client(muster, plain).mutation("mutation { createContact(input: { fields: {} }) { contact { id } } }", {});
  assert.ok(data.createContact.contact.id);
});

test("an error arrives with its code", async () => {
  const { error } = await client(muster, plain).query("query ($id: ID!) { group(id: $id) { id } }", { id: "nonsense" });
  assert.equal(error.graphQLErrors[0].extensions.code, "BAD_USER_INPUT");
});

async function watch(made) {
  const group = await newGroup(), { tell, next } = queue();
  const { unsubscribe } = made.subscription(CHANGES, { group: group.id }).subscribe(({ data, error }) => {
    assert.equal(error, undefined);
    if (data) tell(data.groupChanges);
  });
  await joined(group, next);
  unsubscribe();
}

test("a subscription over a WebSocket is told of members who join", async (t) => {
  const socket = createClient({ url: muster.socketUrl, connectionParams: { Authorization: `Bearer ${muster.token}` } });
  t.after(() => socket.dispose());
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  await watch(client(muster, subscriptionExchange({ forwardSubscription })));
});

test("a subscription as events is told of members who join", async () => {
  await watch(client(muster, plain, { fetchSubscriptions: true }));
});
