import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { useMemo, useState } from 'react';
import { createPortal } from 'react-dom';
import { EDITOR_THEMES } from './editor-themes.js';
import { EditorHabits } from './EditorHabits.jsx';
import { firstQuery } from './queries/index.js';
import { RunFooter } from './RunFooter.jsx';
import { storageOf } from './storage.js';
import { TopBar } from './TopBar.jsx';
import { createTransport } from './transport.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import '@graphiql/plugin-explorer/style.css';
import 'graphiql/graphiql.css';
import './workbench.css';

const PLUGINS = [HISTORY_PLUGIN, explorerPlugin()];

/** GraphiQL under Kith's bar. */
export function Workbench({ viewer, inert, onLogOut, onDoubt }) {
  const [bar, setBar] = useState(null);
  const fetcher = useMemo(() => createTransport(onDoubt), [onDoubt]);
  const storage = useMemo(() => storageOf(viewer.id), [viewer.id]);

  return (
    <div className="kith-workbench" inert={inert}>
      <header className="kith-bar" ref={setBar} />
      <GraphiQL
        fetcher={fetcher}
        storage={storage}
        plugins={PLUGINS}
        editorTheme={EDITOR_THEMES}
        defaultQuery={firstQuery.text}
        defaultEditorToolsVisibility="variables"
        shouldPersistHeaders={false}
        inputValueDeprecation
        schemaDescription
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
        <GraphiQL.Footer>
          <RunFooter />
        </GraphiQL.Footer>
        <EditorHabits />
        {/* Drawn in the header, but inside GraphiQL, whose tabs its menu opens. */}
        {bar && createPortal(<TopBar viewer={viewer} onLogOut={onLogOut} />, bar)}
      </GraphiQL>
    </div>
  );
}
