// Monaco's language services run beside the page, from files of our own (worker-src 'self').
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker';
import JsonWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker';
import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker';

const workerOf = { json: JsonWorker, graphql: GraphQLWorker };

globalThis.MonacoEnvironment = {
  getWorker(_id, language) {
    const LanguageWorker = workerOf[language] ?? EditorWorker;
    return new LanguageWorker();
  },
};
