import { Component } from 'react';

/** Stands in for a page that broke or could not be fetched (after a new release, say): offers to load it anew. */
export class Mishap extends Component {
  state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  render() {
    if (!this.state.broken) return this.props.children;
    return (
      <main className="kith-waiting" role="alert">
        <p>
          This page could not be shown. <a href="">Load it again</a>
        </p>
      </main>
    );
  }
}
