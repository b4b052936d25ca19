// One ready query = one file: a title, a description and facts in leading comments, then one operation.

/**
 * Reads the text of a ready query. The first comment line is the title, the second the description;
 * then, where needed, `# Variables: {…}` (JSON to begin with) and `# Role: ADMIN` (who may run it).
 * What the editor shows keeps title and description and leaves the facts out.
 */
export function readReadyQuery(name, source) {
  const lines = source.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  const comments = lines.slice(0, end).map((line) => line.slice(1).trim());
  const fact = (label) => comments.find((line) => line.startsWith(`${label}: `))?.slice(label.length + 2);
  const [title, description] = comments;
  const body = lines.slice(end).join('\n').trim();
  return {
    name,
    title,
    description,
    adminOnly: fact('Role') === 'ADMIN',
    operation: body.match(/^\w+/)?.[0],
    variables: fact('Variables') ? JSON.stringify(JSON.parse(fact('Variables')), null, 2) : '',
    text: `# ${title}\n# ${description}\n${body}\n`,
  };
}
