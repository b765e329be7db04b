# SPDX-License-Identifier: Apache-2.0
# fish completion of resultd.  Commands and options are asked of the program itself, so they are never stale.

function __resultd_commands
    resultd --help 2>/dev/null | string match -rg '^  ([a-z]+ +[a-z].*)' | string replace -r '^([a-z]+) +' '$1\t'
end

function __resultd_command
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --config --state --log-level
                set skip 1
            case '-*'
            case '*'
                echo $word
                return 0
        end
    end
    return 1
end

# The command and, of those that have verbs, the words that follow it.
function __resultd_said
    set -l command (__resultd_command)
    echo $command
    contains -- $command testrail aio axosoft; or return 0
    set -l words (string match -v -- '-*' (commandline -opc)[2..-1])
    set -l at (contains -i -- $command $words); or return 0
    string join \n -- $words[(math $at + 1)..-1]
end

function __resultd_options
    resultd (__resultd_said) --help 2>/dev/null | string match -arg -- '(--[a-z][a-z-]+)' | sort -u
end

function __resultd_words
    set -l said (__resultd_said)
    set -l help (resultd $said[1] --help 2>/dev/null)
    if set -q said[2]
        set -l begin "  $said[2..-1] "
        set -l length (string length -- $begin)
        for line in $help
            set -l head (string sub -l $length -- $line)
            test "$head" = "$begin"
            and string match -rg '^([a-z][a-z-]*) ' -- (string sub -s (math $length + 1) -- $line)
        end
        return
    end
    string match -rg '^resultd [a-z]+ ([a-z][a-z-]*) ' -- $help[1]
    string match -rg '^  ([a-z][a-z-]*)(?: .*)?$' -- $help
end

complete -c resultd -f
complete -c resultd -n 'not __resultd_command' -a '(__resultd_commands)'
complete -c resultd -l config -r -F -d 'the configuration'
complete -c resultd -l state -x -a '(__fish_complete_directories)' -d 'the state directory'
complete -c resultd -l log-level -x -a 'debug info warning error' -d 'what is logged'
complete -c resultd -n '__resultd_command >/dev/null' -a '(__resultd_options)'
complete -c resultd -n '__resultd_command >/dev/null' -a '(__resultd_words)'
complete -c resultd -n 'contains -- (__resultd_command) import submit parse queue' -F
complete -c resultd -n 'contains -- (__resultd_command) parse' -l format -x -a 'jsonl table summary'
complete -c resultd -n 'contains -- (__resultd_command) import submit' -l fail-on -x -a 'failed never'
complete -c resultd -n 'contains -- (__resultd_command) import submit deliver' -l progress -x -a 'auto always never'
