// The public audit of the GraphQL-over-HTTP specification.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";

import { muster, withGet } from "./account.mjs";

const NEED_GET = ["5A70", "D6D5", "6A70"]; // all of them MAY

const audits = ({ url, headers }) =>
  serverAudits({ url, fetchFn: (to, init = {}) => fetch(to, { ...init, headers: { ...init.headers, ...headers } }) });

for (const audit of audits(muster)) {
  test(`${audit.id} ${audit.name}`, async () => {
    const { status, reason } = await audit.fn();
    assert.equal(status, NEED_GET.includes(audit.id) ? "notice" : "ok", reason);
  });
}

for (const audit of audits(withGet)) {
  test(`with GET: ${audit.id} ${audit.name}`, async () => {
    const { status, reason } = await audit.fn();
    assert.equal(status, "ok", reason);
  });
}
