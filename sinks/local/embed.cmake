# SPDX-License-Identifier: Apache-2.0
# cmake -DIN=page.css -DOUT=page.css.inc -P embed.cmake: a file as the numbers of a C array.
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "${bytes}0\n")
