# A copy of the workspace in which something is changed on purpose: sourced by the scripts beside it.

# copy_workspace FOLDER: everything that belongs to the workspace, committed or not. Its files get the time of now: cargo
# goes by it, and must not take what an earlier run has built of a changed source for what is built from this one.
copy_workspace() {
    rm -rf "$1"
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard --deduplicate |
        while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
        tar --null --files-from=- --create --file=- |
        tar --extract --touch --directory="$1"
}

# change FILE PERL: changes a file of the copy; fails where the change does not apply.
change() {
    cp "$1" "$1.before"
    perl -0777 -pi -e "$2" "$1"
    if cmp -s "$1" "$1.before"; then
        rm "$1.before"
        return 1
    fi
    rm "$1.before"
}
