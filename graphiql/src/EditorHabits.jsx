import { useDocExplorer } from '@graphiql/plugin-doc-explorer';
import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';

const OPTIONS = {
  fontSize: 14,
  wordWrap: 'on',
  // Names are full of letters that look like others; only what cannot be seen deserves a mark.
  unicodeHighlight: { ambiguousCharacters: false, invisibleCharacters: true },
};

/** What GraphiQL leaves to Monaco's defaults, the system's scheme, which Monaco does not follow, and what scrolls. */
export function EditorHabits() {
  useSystemScheme();
  useOptions();
  useActiveTabInSight();
  useDocumentationFromTheTop();
  return null;
}

/** A ready query opens its tab at the end of a row that may be longer than the window. */
function useActiveTabInSight() {
  const activeTabIndex = useGraphiQL((state) => state.activeTabIndex);
  const title = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.title);

  useEffect(() => {
    document.querySelector('.graphiql-tab-active')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [activeTabIndex, title]);
}

/** Monaco asks for light or dark once; while the choice is left to the system, a change there is followed. */
function useSystemScheme() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();

  useEffect(() => {
    if (theme) return undefined;
    const systemScheme = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setTheme(null);
    systemScheme.addEventListener('change', follow);
    return () => systemScheme.removeEventListener('change', follow);
  }, [theme, setTheme]);
}

/** A page of the documentation would begin where the one before it was scrolled to. */
function useDocumentationFromTheTop() {
  const pages = useDocExplorer();

  useEffect(() => {
    document.querySelector('.graphiql-plugin')?.scrollTo(0, 0);
  }, [pages]);
}

function useOptions() {
  const editors = useGraphiQL(pick('queryEditor', 'variableEditor', 'headerEditor', 'responseEditor'));

  useEffect(() => {
    for (const editor of Object.values(editors)) editor?.updateOptions(OPTIONS);
  }, [editors]);
}
