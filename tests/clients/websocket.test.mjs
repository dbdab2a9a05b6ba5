// graphql-ws, the reference client of graphql-transport-ws.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createClient } from "graphql-ws";

import { CHANGES, joined, muster, newGroup, newToken } from "./account.mjs";
import { network } from "./network.mjs";

const HELLO = { query: "{ __typename }" };
const connectionParams = { Authorization: `Bearer ${muster.token}` };

function client(t, options = {}) {
  const made = createClient({ url: muster.socketUrl, connectionParams, retryAttempts: 0, ...options });
  t.after(() => made.dispose());
  return made;
}

const event = (made, name, times = 1) =>
  new Promise((resolve) => made.on(name, (...details) => { times -= 1; if (times === 0) resolve(details); }));

function changes(made, group) {
  const answers = made.iterate({ query: CHANGES, variables: { group } });
  return async () => {
    const { value, done } = await answers.next();
    assert.ok(!done, "the subscription ended");
    assert.equal(value.errors, undefined);
    return value.data.groupChanges;
  };
}

async function failure(made, request) {
  try {
    for await (const answer of made.iterate(request)) return answer.errors;
  } catch (error) {
    return error;
  }
}

test("a lazy client connects when it is asked, and closes when it is done", async (t) => {
  const made = client(t, { lazyCloseTimeout: 0 });
  const closed = event(made, "closed");
  for await (const { data } of made.iterate(HELLO)) assert.deepEqual(data, { __typename: "Query" });
  assert.equal((await closed)[0].code, 1000);
});

test("a client that is not lazy connects at once", async (t) => {
  await event(client(t, { lazy: false, onNonLazyError: assert.fail }), "connected");
});

test("many operations share a socket", async (t) => {
  const made = client(t, { lazy: false });
  const answers = await Promise.all(Array.from({ length: 90 }, () => made.iterate(HELLO).next()));
  assert.deepEqual(new Set(answers.map(({ value }) => value.data.__typename)), new Set(["Query"]));
});

test("an operation that fails gets its errors, and the others on its socket go on", async (t) => {
  const made = client(t), group = await newGroup();
  const next = changes(made, group.id);
  await joined(group, next);
  for (const [request, code] of [
    [{ query: "{ hello" }, "GRAPHQL_PARSE_FAILED"],
    [{ query: "{ nothing }" }, "GRAPHQL_VALIDATION_FAILED"],
    [{ query: "query A { __typename }", operationName: "B" }, "BAD_USER_INPUT"],
    [{ query: "query ($id: ID!) { group(id: $id) { id } }" }, "BAD_USER_INPUT"],
    [{ query: CHANGES, variables: { group: "nonsense" } }, "BAD_USER_INPUT"],
  ]) {
    const [error] = await failure(made, request);
    assert.equal(error.extensions.code, code);
  }
  await joined(group, next);
});

test("operations beyond the limit are refused, and the others go on", async (t) => {
  const made = client(t), group = await newGroup();
  const next = changes(made, group.id);
  await joined(group, next);
  const endless = Array.from({ length: 100 }, () => failure(made, { query: CHANGES, variables: { group: group.id } }));
  const [error] = await Promise.race(endless.map((refused) => refused.then((found) => found ?? new Promise(() => {}))));
  assert.match(error.message, /At most 100 operations/);
  await joined(group, next);
});

test("client and server ping each other, and both answer", async (t) => {
  const made = client(t, { lazy: false, keepAlive: 100 });
  const pinged = new Promise((resolve) => made.on("ping", (received) => received && resolve()));
  const answered = new Promise((resolve) => made.on("pong", (received) => received && resolve()));
  await Promise.all([pinged, answered]);
  await event(made, "ping", 8); // by then the server would have given up a client that answers nothing
  assert.deepEqual((await made.iterate(HELLO).next()).value.data, { __typename: "Query" });
});

test("a client that is cut off connects again and goes on", async (t) => {
  const between = await network(muster.url), group = await newGroup();
  t.after(between.close);
  const made = client(t, { url: between.url.replace("http", "ws"), retryAttempts: 5, retryWait: async () => {}, shouldRetry: () => true });
  const next = changes(made, group.id);
  await joined(group, next);
  between.cut();
  await joined(group, next);
});

test("a client without a valid token is closed with 4403", async (t) => {
  const { code, reason } = await failure(client(t, { connectionParams: { Authorization: "Bearer wrong" } }), HELLO);
  assert.deepEqual([code, reason], [4403, "Forbidden"]);
});

test("a client that signs in too late is closed with 4408", async (t) => {
  const late = () => new Promise((resolve) => setTimeout(resolve, 1500, connectionParams));
  assert.equal((await failure(client(t, { connectionParams: late }), HELLO)).code, 4408);
});

test("a client whose token is revoked is closed with 4403 within five seconds", async (t) => {
  const token = await newToken();
  const made = client(t, { lazy: false, connectionParams: { Authorization: `Bearer ${token.secret}` }, onNonLazyError: () => {} });
  const closed = event(made, "closed");
  await event(made, "connected");
  await token.revoke();
  const late = AbortSignal.timeout(5000);
  const [{ code }] = await Promise.race([closed, once(late, "abort").then(() => assert.fail("still open after five seconds"))]);
  assert.equal(code, 4403);
});

for (const [code, messages] of [
  [4400, ["{"]],
  [4401, ['{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}']],
  [4409, ["init", "watch", "watch"]],
  [4429, ["init", "init"]],
]) {
  test(`a client that breaks the protocol is closed with ${code}`, async () => {
    const group = await newGroup();
    const named = {
      init: JSON.stringify({ type: "connection_init", payload: connectionParams }),
      watch: JSON.stringify({ type: "subscribe", id: "1", payload: { query: CHANGES, variables: { group: group.id } } }),
    };
    const socket = new WebSocket(muster.socketUrl, "graphql-transport-ws");
    const closed = new Promise((resolve) => { socket.onclose = resolve; });
    await new Promise((resolve) => { socket.onopen = resolve; });
    const [first, ...rest] = messages.map((message) => named[message] ?? message);
    socket.send(first);
    if (rest.length) await new Promise((resolve) => { socket.onmessage = resolve; });
    rest.forEach((message) => socket.send(message));
    assert.equal((await closed).code, code);
  });
}
