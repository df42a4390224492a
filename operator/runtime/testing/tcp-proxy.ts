import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** Stands between a client and a server, and breaks what goes through it as a test tells it. */
export class TcpProxy {
  /** What becomes of new connections: passed on, reset at once, or taken and left without an answer. */
  mode: "pass" | "reset" | "hang" = "pass";
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#take(socket));
  }

  /** @param target the port on 127.0.0.1 to which connections are passed on */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #take(socket: Socket): void {
    this.#keep(socket);
    if (this.mode === "reset") {
      socket.resetAndDestroy();
      return;
    }
    if (this.mode === "hang") return;
    const upstream = connect(this.#target, "127.0.0.1");
    this.#keep(upstream);
    socket.pipe(upstream).pipe(socket);
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
