# cmake -DOUT=file.c -DNAME=name -DFILES=a,b,... -P EmbedText.cmake
# The files, one after the other, as a C array `name` of name_size bytes (and a terminator, which does not count).
string(REPLACE "," ";" files "${FILES}")
set(hex "")
foreach(file IN LISTS files)
    file(READ "${file}" part HEX)
    string(APPEND hex "${part}")
endforeach()
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(.................................................................................................)," "\\1,\n" bytes "${bytes}")
file(WRITE "${OUT}.tmp" "#include <stddef.h>\n\nextern const char ${NAME}[];\nextern const size_t ${NAME}_size;\n\n"
     "const size_t ${NAME}_size = ${size};\nconst char ${NAME}[] = {\n${bytes}0};\n")
file(RENAME "${OUT}.tmp" "${OUT}")
