// GraphQL Code Generator: the types that it makes of the schema and of operations are what TypeScript programs expect.
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { codegen } from "@graphql-codegen/core";
import * as documentNodes from "@graphql-codegen/typed-document-node";
import * as types from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const here = import.meta.dirname;
const read = async (name) => parse(await readFile(join(here, name), "utf8"));
const scalars = { Criteria: "object", Date: "string", DateTime: "string", Decimal: "string", JSON: "unknown" };

async function generate(filename, pluginMap, documents) {
  const generated = await codegen({
    filename,
    schema: await read("../../schema/schema.graphql"),
    documents,
    config: { scalars, strictScalars: true, useTypeImports: true },
    plugins: Object.keys(pluginMap).map((name) => ({ [name]: {} })),
    pluginMap,
  });
  await mkdir(join(here, "typed/generated"), { recursive: true });
  await writeFile(join(here, "typed/generated", filename), generated);
}

test("TypeScript accepts the generated types, and programs that use them", async () => {
  const documents = [{ location: "operations.graphql", document: await read("typed/operations.graphql") }];
  await generate("schema.ts", { types }, []);
  await generate("operations.ts", { operations, documentNodes }, documents);
  await promisify(execFile)(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "--project", join(here, "typed")]);
});
