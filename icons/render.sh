#!/bin/sh
# Draws every icon file from the three SVGs. Needs rsvg-convert, ImageMagick and, for icon.icns, PyPI's icnsutil.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

draw() { # source, pixels, file: RGBA, because Tauri takes nothing else
    rsvg-convert -w "$2" -h "$2" "$1" -o "$work/drawn.png"
    convert "$work/drawn.png" -strip -define png:exclude-chunks=date,time "PNG32:$3"
}

draw icon-small.svg 32 32x32.png
draw icon.svg 128 128x128.png
draw icon.svg 256 128x128@2x.png
draw icon.svg 512 icon.png
draw tray.svg 32 tray.png
draw tray.svg 64 tray@2x.png

draw icon-small.svg 16 "$work/16.png"
draw icon.svg 48 "$work/48.png"
# 32 first: Tauri takes the first as the window's.
convert 32x32.png "$work/16.png" "$work/48.png" 128x128@2x.png icon.ico

if command -v icnsutil >/dev/null; then
    # It reads the size from the picture and "@2x" from the name.
    draw icon.svg 1024 "$work/512x512@2x.png"
    cp 128x128@2x.png "$work/256x256.png"
    icnsutil compose --force icon.icns 128x128.png "$work/256x256.png" icon.png "$work/512x512@2x.png"
fi
