import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';

const OPTIONS = {
  fontSize: 14,
  // Names are full of letters that look like others; only what cannot be seen deserves a mark.
  unicodeHighlight: { ambiguousCharacters: false, invisibleCharacters: true },
};

/** What GraphiQL leaves to Monaco's defaults, and the system's scheme, which Monaco does not follow by itself. */
export function EditorHabits() {
  useSystemScheme();
  useOptions();
  return null;
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

function useOptions() {
  const editors = useGraphiQL(pick('queryEditor', 'variableEditor', 'headerEditor', 'responseEditor'));

  useEffect(() => {
    for (const editor of Object.values(editors)) editor?.updateOptions(OPTIONS);
  }, [editors]);
}
