// All that screen.ts uses of Node, so that Node's own types need not be installed.
declare const process: { argv: string[] };
