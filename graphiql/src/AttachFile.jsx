import { useSyncExternalStore } from 'react';
import { attach, attachedFile, subscribeToAttachment } from './attachment.js';

/** The way to hand in a file, which GraphiQL has not. */
export function AttachFile() {
  const file = useSyncExternalStore(subscribeToAttachment, attachedFile);

  return (
    <label className="kith-button kith-attach" title="It goes along where the variables hold its name as a text.">
      {file ? `File: ${file.name}` : 'Attach a file'}
      <input type="file" onChange={(event) => attach(event.target.files[0] ?? null)} />
    </label>
  );
}
