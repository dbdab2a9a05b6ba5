// A stretch of network between client and server that can be cut.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export async function network(url) {
  const { hostname, port, pathname } = new URL(url);
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(port, hostname);
    for (const [socket, other] of [[near, far], [far, near]]) {
      open.add(socket);
      socket.pipe(other);
      socket.on("error", () => other.destroy()).on("close", () => open.delete(socket));
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const cut = () => open.forEach((socket) => socket.destroy());
  const close = () => { cut(); server.close(); };
  return { url: `http://127.0.0.1:${server.address().port}${pathname}`, cut, close };
}
