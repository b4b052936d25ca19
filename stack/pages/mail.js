// Keeps the list fresh without touching the message that is being read.
let known = document.body.dataset.newest;

async function look() {
  const answer = await fetch("/newest");
  const newest = await answer.text();
  if (!answer.ok || newest === known) return;
  known = newest;
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const list = document.getElementById("list");
  const place = list.scrollTop;
  list.replaceWith(page.getElementById("list"));
  document.getElementById("list").scrollTop = place;
  document.title = page.title;
  document.querySelector(".clear button").disabled = page.querySelector(".clear button").disabled;
  const blank = document.querySelector(".blank p");
  if (blank && page.querySelector(".blank p")) blank.textContent = page.querySelector(".blank p").textContent;
}

setInterval(() => { if (!document.hidden) look().catch(() => {}); }, 2000);

document.querySelector(".clear").addEventListener("submit", (event) => {
  if (!confirm("Delete every message for good?")) event.preventDefault();
});
document.querySelector("#list a[aria-current]")?.scrollIntoView({ block: "nearest" });
