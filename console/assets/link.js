const field = document.querySelector("input[name=token]");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  field.value = token;
  field.closest("label").hidden = true;
  history.replaceState(null, "", location.pathname);
}
