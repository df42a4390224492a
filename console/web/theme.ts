// Before the page is painted: the theme that was chosen, else the system's.
const chosen = localStorage.getItem("certferry-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
