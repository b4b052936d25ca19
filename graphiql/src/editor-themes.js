// The editor's colours. Monaco takes hex values only, so they stand beside colours.css, not in it.

export const EDITOR_THEMES = { light: 'kith-light', dark: 'kith-dark' };

const TRANSPARENT = '#00000000';

const PALETTES = {
  light: {
    inherits: 'vs',
    text: '#1f2933',
    quiet: '#68747f',
    keyword: '#8a3ffc',
    name: '#0b5cad',
    argument: '#0f6b64',
    string: '#9a4a00',
    number: '#136c3a',
    widget: '#ffffff',
    accent: '#0f766e',
    accentWash: '#0f766e1f',
    wash: '#1f293312',
  },
  dark: {
    inherits: 'vs-dark',
    text: '#dde3ea',
    quiet: '#8b98a5',
    keyword: '#c0a3ff',
    name: '#82baf5',
    argument: '#6cd0c4',
    string: '#f0b37e',
    number: '#8fd6a0',
    widget: '#1c242d',
    accent: '#5ec8bb',
    accentWash: '#5ec8bb2b',
    wash: '#dde3ea14',
  },
};

/** Makes Kith's two themes known to Monaco; call it before the first editor is drawn. */
export function defineEditorThemes(monaco) {
  for (const [scheme, palette] of Object.entries(PALETTES)) {
    monaco.editor.defineTheme(EDITOR_THEMES[scheme], {
      base: palette.inherits,
      inherit: true,
      rules: tokenRules(palette),
      colors: editorColours(palette),
    });
  }
}

function tokenRules(palette) {
  const rules = {
    '': palette.text,
    comment: palette.quiet,
    keyword: palette.keyword,
    'key.identifier': palette.name,
    'argument.identifier': palette.argument,
    'type.identifier': palette.name,
    variable: palette.argument,
    annotation: palette.keyword,
    string: palette.string,
    number: palette.number,
    'string.key.json': palette.name,
    'string.value.json': palette.string,
    'keyword.json': palette.keyword,
  };
  return Object.entries(rules).map(([token, colour]) => ({ token, foreground: colour.slice(1) }));
}

/** One quiet colour for brackets of every depth; Monaco would give each depth another. */
function bracketColours(colour) {
  const depths = [1, 2, 3, 4, 5, 6].map((depth) => [`editorBracketHighlight.foreground${depth}`, colour]);
  return Object.fromEntries(depths);
}

function editorColours({ text, quiet, widget, accent, accentWash, wash }) {
  return {
    ...bracketColours(quiet),
    'editor.background': TRANSPARENT,
    'editor.foreground': text,
    'editorLineNumber.foreground': quiet,
    'scrollbar.shadow': TRANSPARENT,
    focusBorder: accent,
    'textLink.foreground': accent,
    'textLink.activeForeground': accent,
    'editorLink.activeForeground': accent,
    'editorWidget.background': widget,
    'editorHoverWidget.background': widget,
    'editorSuggestWidget.background': widget,
    'editorSuggestWidget.selectedBackground': accentWash,
    'editorSuggestWidget.selectedForeground': text,
    'editorSuggestWidget.selectedIconForeground': text,
    'editorSuggestWidget.highlightForeground': accent,
    'editorSuggestWidget.focusHighlightForeground': accent,
    'menu.background': widget,
    'menu.selectionBackground': accentWash,
    'menu.selectionForeground': text,
    'quickInput.background': widget,
    'quickInputList.focusBackground': accentWash,
    'quickInputList.focusForeground': text,
    'list.hoverBackground': wash,
    'input.background': wash,
    'toolbar.hoverBackground': wash,
  };
}
