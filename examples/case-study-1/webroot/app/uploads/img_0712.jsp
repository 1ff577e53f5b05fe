<%-- inert placeholder: a web shell stood here --%>
