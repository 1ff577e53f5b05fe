document.addEventListener("DOMContentLoaded", () => {
	const box = document.querySelector("input[name=q]");
	if (box)
		box.focus();
});
