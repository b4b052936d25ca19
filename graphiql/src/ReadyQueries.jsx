import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useId, useRef } from 'react';
import { queryGroups } from './queries/index.js';

/** The menu of ready queries. Each opens in a tab of its own, or in the tab where it already is. */
export function ReadyQueries({ role }) {
  const menuId = useId();
  const menu = useRef(null);
  const openQuery = useOpenQuery();

  function handleChoice(query) {
    menu.current.hidePopover();
    openQuery(query);
  }

  return (
    <>
      <button className="kith-button" type="button" popoverTarget={menuId} aria-haspopup="menu">
        Ready queries
        <Chevron />
      </button>
      <div
        id={menuId}
        ref={menu}
        className="kith-menu"
        role="menu"
        aria-label="Ready queries"
        popover="auto"
        onToggle={focusFirst}
        onKeyDown={moveFocus}
      >
        <div className="kith-menu-groups">
          {queryGroups.map((group) => (
            <section key={group.title} role="group" aria-label={group.title}>
              <h2>{group.title}</h2>
              {group.queries.map((query) => (
                <Choice key={query.name} query={query} role={role} onChoose={handleChoice} />
              ))}
            </section>
          ))}
        </div>
      </div>
    </>
  );
}

function Choice({ query, role, onChoose }) {
  const outOfReach = query.adminOnly && role !== 'ADMIN';
  return (
    <button type="button" role="menuitem" tabIndex={-1} disabled={outOfReach} onClick={() => onChoose(query)}>
      <span>
        {query.title}
        {query.operation === 'subscription' && <em>live</em>}
        {query.adminOnly && <em>admin</em>}
      </span>
      <small>{query.description}</small>
    </button>
  );
}

function useOpenQuery() {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    pick('tabs', 'activeTabIndex', 'queryEditor', 'variableEditor'),
  );

  return function openQuery({ text, variables }) {
    const open = tabs.findIndex((tab) => tab.query?.trim() === text.trim());
    if (open >= 0 && open !== activeTabIndex) changeTab(open);
    if (open >= 0) return;
    if (tabs[activeTabIndex]?.query?.trim()) addTab();
    queryEditor.setValue(text);
    variableEditor.setValue(variables);
    queryEditor.focus();
  };
}

const choices = (menu) => [...menu.querySelectorAll('[role=menuitem]:not(:disabled)')];

function focusFirst(event) {
  if (event.newState === 'open') choices(event.currentTarget)[0]?.focus();
}

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

function moveFocus(event) {
  const all = choices(event.currentTarget);
  const at = all.indexOf(document.activeElement);
  const target = { Home: 0, End: all.length - 1 }[event.key] ?? at + STEPS[event.key];
  if (Number.isNaN(target)) return;
  event.preventDefault();
  all[(target + all.length) % all.length].focus();
}

function Chevron() {
  return (
    <svg width="10" height="6" viewBox="0 0 10 6" aria-hidden="true">
      <path d="M1 1l4 4 4-4" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
    </svg>
  );
}
