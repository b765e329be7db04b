# SPDX-License-Identifier: Apache-2.0
# bash completion of resultd.  Commands and options are asked of the program itself, so they are never stale.

# The command and the words that follow it, without what is being typed.
_resultd_words() {
	local i skip=0
	for ((i = 1; i < COMP_CWORD; i++)); do
		if ((skip)); then
			skip=0
			continue
		fi
		case ${COMP_WORDS[i]} in
		--config | --state | --log-level) skip=1 ;;
		-*) ;;
		*) printf '%s\n' "${COMP_WORDS[i]}" ;;
		esac
	done
}

_resultd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command options line
	local -a words
	COMPREPLY=()
	case $prev in
	--log-level) COMPREPLY=($(compgen -W "debug info warning error" -- "$cur")); return ;;
	--format) COMPREPLY=($(compgen -W "jsonl table summary" -- "$cur")); return ;;
	--fail-on) COMPREPLY=($(compgen -W "failed never" -- "$cur")); return ;;
	--progress) COMPREPLY=($(compgen -W "auto always never" -- "$cur")); return ;;
	--state) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--run-key | --run-name | --set | --timeout | --timezone | --reason | --sink | --watch) return ;;
	esac
	mapfile -t words < <(_resultd_words)
	command=${words[0]}
	if [[ -z $command ]]; then
		COMPREPLY=($(compgen -W "--config --state --log-level --help --version
			$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p')" -- "$cur"))
		return
	fi
	case $command in
	testrail | aio | axosoft) ;;
	*) words=("$command") ;; # the others have no verbs with options of their own
	esac
	if [[ $cur == -* ]]; then
		options=$("${COMP_WORDS[0]}" "${words[@]}" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u)
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
		return
	fi
	if [[ $prev == "$command" ]]; then
		# The words that may follow: lines of the help that begin with them.
		options=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n '1s/^resultd [a-z]* \([a-z][a-z-]*\) .*/\1/p
			s/^  \([a-z][a-z-]*\)\( .*\)*$/\1/p')
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
	fi
	if ((${#words[@]} > 1)); then
		options=
		while IFS= read -r line; do
			[[ $line == "  ${words[*]:1} "[a-z]* ]] || continue
			line=${line#"  ${words[*]:1} "}
			options+=" ${line%% *}"
		done < <("${COMP_WORDS[0]}" "$command" --help 2>/dev/null)
		COMPREPLY+=($(compgen -W "$options" -- "$cur"))
	fi
	case $command in
	import | submit | parse) COMPREPLY+=($(compgen -f -- "$cur")) ;;
	queue) [[ $prev == export || $prev == import ]] && COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -o filenames -F _resultd resultd
