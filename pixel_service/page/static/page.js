// Times in the reader's zone, and opens as they come. Without this script times are read in UTC,
// and the page shows the opens of the moment it was loaded.

const inZone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function showInZone(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.textContent;
    time.textContent = inZone.format(new Date(time.dateTime));
  }
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  showInZone(template.content);
  return template.content;
}

function follow(live) {
  const latest = live.querySelector("#latest");
  const pause = live.querySelector("#pause");
  const most = Number(live.dataset.most);
  let source;

  function replace(id) {
    return (event) => live.querySelector(id).replaceWith(parsed(event.data));
  }

  function begin() {
    source?.close();
    source = new EventSource(live.dataset.from);
    source.addEventListener("all", (event) => latest.replaceChildren(parsed(event.data)));
    source.addEventListener("more", (event) => {
      latest.prepend(parsed(event.data));
      while (latest.children.length > most) latest.lastElementChild.remove();
    });
    source.addEventListener("rate", replace("#rate"));
    source.addEventListener("silence", replace("#silence"));
    source.addEventListener("error", () => {
      // Otherwise the browser comes back by itself.
      if (source.readyState === EventSource.CLOSED) {
        live.querySelector("#silence").textContent = "Nothing new comes in: reload the page.";
      }
    });
  }

  // A browser has few connections to one host: a tab that nobody sees keeps none of them.
  function followIfSeen() {
    if (document.hidden || pause.getAttribute("aria-pressed") === "true") source?.close();
    else begin();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") === "true";
    pause.setAttribute("aria-pressed", String(!isPaused));
    followIfSeen();
  });
  document.addEventListener("visibilitychange", followIfSeen);
  followIfSeen();
}

showInZone(document);
const live = document.querySelector("#live");
if (live) follow(live);
