// graphql-sse, the reference client of GraphQL over server-sent events, with a connection for each operation.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-sse";

import { CHANGES, joined, muster, newGroup, newToken, withGet } from "./account.mjs";
import { network } from "./network.mjs";

function client(t, options = {}) {
  const made = createClient({ url: muster.url, headers: muster.headers, retryAttempts: 0, ...options });
  t.after(() => made.dispose());
  return made;
}

function changes(made, group) {
  const answers = made.iterate({ query: CHANGES, variables: { group } });
  return async () => {
    const { value, done } = await answers.next();
    assert.ok(!done, "the subscription ended");
    assert.equal(value.errors, undefined);
    return value.data.groupChanges;
  };
}

const all = async (answers) => { const list = []; for await (const answer of answers) list.push(answer); return list; };

test("a query has one answer", async (t) => {
  const answers = await all(client(t).iterate({ query: "{ __typename }" }));
  assert.deepEqual(answers.map(({ data }) => data), [{ __typename: "Query" }]);
});

test("a subscription is told of each change until the client goes", async (t) => {
  const group = await newGroup(), made = client(t);
  const next = changes(made, group.id);
  await joined(group, next);
  await joined(group, next);
});

for (const [request, code] of [
  [{ query: "{ hello" }, "GRAPHQL_PARSE_FAILED"],
  [{ query: "{ nothing }" }, "GRAPHQL_VALIDATION_FAILED"],
  [{ query: CHANGES, variables: { group: "nonsense" } }, "BAD_USER_INPUT"],
]) {
  test(`an operation that fails with ${code} gets its errors and is complete`, async (t) => {
    const [{ errors }, ...more] = await all(client(t).iterate(request));
    assert.equal(errors[0].extensions.code, code);
    assert.deepEqual(more, []);
  });
}

test("a client without a valid token is refused", async (t) => {
  const refused = client(t, { headers: { authorization: "Bearer wrong" } }).iterate({ query: "{ __typename }" });
  await assert.rejects(all(refused), ({ response }) => response.status === 401);
});

test("a client whose token is revoked is told so within five seconds", async (t) => {
  const token = await newToken(), group = await newGroup();
  const answers = client(t, { headers: { authorization: `Bearer ${token.secret}` } }).iterate({ query: CHANGES, variables: { group: group.id } });
  const first = answers.next();
  await group.add();
  await first;
  await token.revoke();
  const revoked = Date.now();
  for await (const { errors } of answers) {
    if (errors) assert.equal(errors[0].extensions.code, "UNAUTHENTICATED");
  }
  assert.ok(Date.now() - revoked < 5000);
});

test("a client that is cut off connects again and goes on", async (t) => {
  const between = await network(muster.url), group = await newGroup();
  t.after(between.close);
  const next = changes(client(t, { url: between.url, retryAttempts: 5, retry: async () => {} }), group.id);
  await joined(group, next);
  between.cut();
  await joined(group, next);
});

test("a stream by GET is sent where that is allowed", async () => {
  const address = `${withGet.url}?${new URLSearchParams({ query: "{ __typename }" })}`;
  const response = await fetch(address, { headers: { ...withGet.headers, accept: "text/event-stream" } });
  assert.match(await response.text(), /event: next\ndata: {"data":{"__typename":"Query"}.*}\n\nevent: complete\n/);
});
