#compdef usher
# Completes usher's commands, flags and their values in zsh.
_usher() {
	local line
	local -a values
	for line in "${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		:file) _files; return ;;
		?*) values+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
		esac
	done
	(( ${#values} )) && _describe usher values
}
if [[ $funcstack[1] == _usher ]]; then
	_usher "$@"
else
	compdef _usher usher
fi
