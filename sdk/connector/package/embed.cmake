# Writes OUTPUT, C source that has the FILES below FOLDER as data (connector/template.h).
set(text "#include \"connector/template.h\"\n\n")
set(rows "")
set(n 0)
foreach(file ${FILES})
  file(READ ${FOLDER}/${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "static const unsigned char file_${n}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${file}\", file_${n}, sizeof(file_${n}) - 1},\n")
  math(EXPR n "${n} + 1")
endforeach()
string(APPEND text "\nconst struct rh_template_file rh_template_files[] = {\n${rows}};\n"
  "const uint32_t rh_template_n_files = ${n};\n")
file(WRITE ${OUTPUT} "${text}")
