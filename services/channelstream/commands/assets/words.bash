# What the functions below take from the package bash-completion, for a shell that has not loaded it: the words of the line,
# with those together that bash parts at = and :.
if ! declare -F _init_completion >/dev/null && ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref()
    {
        local i word joins=
        words=() cword=0
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            word=${COMP_WORDS[i]}
            if [[ $i -gt 0 && ${#words[@]} -gt 0 && ( -n $joins || $word == [=:]* ) ]]; then
                words[${#words[@]}-1]+=$word
            else
                words+=("$word")
            fi
            joins=
            [[ $word == *[=:] && $i -lt $COMP_CWORD ]] && joins=yes
            [[ $i -eq $COMP_CWORD ]] && cword=$((${#words[@]} - 1))
        done
        cur=${words[cword]}
        prev=
        [[ $cword -gt 0 ]] && prev=${words[cword-1]}
        return 0
    }
fi
