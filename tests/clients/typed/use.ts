// A program that uses the generated types the way programs do; it is only type-checked.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";

import { ChangesDocument, MembersDocument, NewGroupDocument } from "./generated/operations.js";

type Change = ResultOf<typeof ChangesDocument>["groupChanges"];
type Member = NonNullable<ResultOf<typeof MembersDocument>["group"]>["members"]["nodes"][number];

export const clients: VariablesOf<typeof NewGroupDocument> = {
  input: { name: "Clients", criteria: { contacts: { tags: { containsAny: [{ name: "Client" }] } } } },
};

// @ts-expect-error criteria are about contacts or about appointments, never about both
export const both: VariablesOf<typeof NewGroupDocument> = { input: { name: "Both", criteria: { contacts: {}, appointments: {} } } };

export function describe(member: Member): string {
  switch (member.__typename) {
    case "Contact": {
      const score: number | null | undefined = member.score;
      return `${member.email ?? "nobody"} ${score ?? 0} ${member.tags.map(({ name }) => name).join()}`;
    }
    case "Appointment":
      return member.startsAt.toUpperCase();
  }
}

export function joined(change: Change): string[] {
  return change.__typename === "MembersChanged" ? change.joinedIds : [];
}
