// PostGraphile as a library on Node's own HTTP server, as its manual recommends; the schema is what it finds.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { pool } from "./database.mjs";

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool, schemas: ["public", "bench"] })],
  // Conditions and orders on every column, as Kith has them, not only where there is an index.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  schema: { defaultBehavior: "+list" },
  grafserv: { graphqlPath: "/graphql", graphiql: false, graphiqlOnGraphQLGET: false, websockets: false, watch: false },
  grafast: { explain: false },
};

const instance = postgraphile(preset);

// `node postgraphile.mjs schema` prints the schema instead of serving it.
if (process.argv[2] === "schema") {
  const { printSchema } = await import("postgraphile/graphql");
  const { schema } = await instance.getSchemaResult();
  console.log(printSchema(schema));
  process.exit(0);
}

const server = createServer();
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
await instance.createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
