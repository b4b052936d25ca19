import { useState } from 'react';
import { AttachFile } from './AttachFile.jsx';
import { Mark } from './Mark.jsx';
import { ReadyQueries } from './ReadyQueries.jsx';
import { apiToken, Refusal } from './session.js';

/** Kith's name, the ready queries, the file at hand, who is logged in and the way out. */
export function TopBar({ viewer, onLogOut }) {
  const [problem, setProblem] = useState(null);

  async function handleLogOut() {
    try {
      await onLogOut();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setProblem(error.message);
    }
  }

  return (
    <>
      <span className="kith-name">
        <Mark size={26} />
        Kith API
      </span>
      <ReadyQueries role={viewer.role} />
      <AttachFile />
      <span className="kith-spring" />
      {problem && (
        <span className="kith-problem" role="alert">
          {problem}
        </span>
      )}
      <span className="kith-viewer" title={viewer.email}>
        <b>{viewer.name}</b>
        <i>{roleName(viewer.role)}</i>
        {apiToken() && <i>API token</i>}
      </span>
      <button className="kith-button" type="button" onClick={handleLogOut}>
        Log out
      </button>
    </>
  );
}

function roleName(role) {
  return role.charAt(0) + role.slice(1).toLowerCase();
}
