import Fastify from "fastify";
import mercurius from "mercurius";
import { Loaders, resolvers, typeDefs } from "./schema.mjs";

const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1, cache: true, context: () => new Loaders() });
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
