# find_package(estreamer) defines two targets: estreamer::estreamer is the shared library,
# estreamer::static the static one. The install tree may be anywhere.

get_filename_component(_estreamer "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET estreamer::estreamer)
    add_library(estreamer::estreamer SHARED IMPORTED)
    set_target_properties(estreamer::estreamer PROPERTIES
        IMPORTED_LOCATION "${_estreamer}/lib/libestreamer.so.@VERSION@"
        IMPORTED_SONAME "libestreamer.so.@MAJOR@"
        INTERFACE_INCLUDE_DIRECTORIES "${_estreamer}/include")
    add_library(estreamer::static STATIC IMPORTED)
    set_target_properties(estreamer::static PROPERTIES
        IMPORTED_LOCATION "${_estreamer}/lib/libestreamer.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_estreamer}/include"
        INTERFACE_LINK_LIBRARIES "@SYSTEM_LIST@")
endif()

unset(_estreamer)
