// Loads the editor first, so that Kith's colours are known to it before the first editor is drawn.
import { defineEditorThemes } from './editor-themes.js';
import './workers.js';

const [monaco, { Workbench }] = await Promise.all([
  import('monaco-graphql/esm/monaco-editor.js'),
  import('./Workbench.jsx'),
]);
defineEditorThemes(monaco);

export default Workbench;
