import { serverAudits } from "graphql-http";

const { URL: url, TOKEN: token } = { URL: process.env.MUSTER_URL, TOKEN: process.env.MUSTER_TOKEN };
const fetchFn = (to, init = {}) => fetch(to, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  console.log(result.status, audit.id, audit.name, result.reason ?? "");
}
