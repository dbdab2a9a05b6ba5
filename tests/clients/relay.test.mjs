// Relay's compiler: it knows the schema's connections, nodes and subscriptions, and makes pagination of them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import compiler from "relay-compiler";

const here = import.meta.dirname;

test("Relay's compiler makes a pagination query that refetches a group by its id", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "relay-"));
  t.after(() => rm(directory, { recursive: true }));
  await cp(join(here, "relay"), directory, { recursive: true });
  await cp(join(here, "../../schema/schema.graphql"), join(directory, "schema.graphql"));
  await mkdir(join(directory, "__generated__"));
  await promisify(execFile)(compiler, ["relay.config.json"], { cwd: directory });
  const made = (name) => readFile(join(directory, "__generated__", `${name}.graphql.js`), "utf8");
  assert.match(await made("MembersPage"), /node\(id: \$id\)/);
  assert.match(await made("Members_group"), /"connection"/);
  assert.match(await made("MembersChangesSubscription"), /groupChanges/);
});
