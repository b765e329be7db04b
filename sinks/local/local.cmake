# SPDX-License-Identifier: Apache-2.0
# The local sink, included by sinks/CMakeLists.txt.  The style and the script of its pages are embedded.
target_sources(rd_sinks PRIVATE
	${CMAKE_CURRENT_LIST_DIR}/defects.c
	${CMAKE_CURRENT_LIST_DIR}/html.c
	${CMAKE_CURRENT_LIST_DIR}/index.c
	${CMAKE_CURRENT_LIST_DIR}/local.c
	${CMAKE_CURRENT_LIST_DIR}/local_keys.c
	${CMAKE_CURRENT_LIST_DIR}/local_pages.c
	${CMAKE_CURRENT_LIST_DIR}/local_results.c
	${CMAKE_CURRENT_LIST_DIR}/page.c
	${CMAKE_CURRENT_LIST_DIR}/sheet.c
	${CMAKE_CURRENT_LIST_DIR}/tally.c
)
set(rd_local_generated ${PROJECT_BINARY_DIR}/generated)
foreach(file page.css page.js)
	set(out ${rd_local_generated}/sinks/local/${file}.inc)
	add_custom_command(OUTPUT ${out}
		COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_CURRENT_LIST_DIR}/${file} -DOUT=${out}
			-P ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
		DEPENDS ${CMAKE_CURRENT_LIST_DIR}/${file} ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
		VERBATIM)
	target_sources(rd_sinks PRIVATE ${out})
	# Compilers that look for dependencies before the first build need the order said.
	set_property(SOURCE ${CMAKE_CURRENT_LIST_DIR}/html.c APPEND PROPERTY OBJECT_DEPENDS ${out})
endforeach()
set_property(SOURCE ${CMAKE_CURRENT_LIST_DIR}/html.c APPEND PROPERTY INCLUDE_DIRECTORIES ${rd_local_generated})
