# carryall_folder(NAME LIB...): the library carryall_NAME from src/NAME/**.cpp and, where src/NAME has
# *_test.cpp files, the program NAME_test, registered with ctest. A folder that does not exist yet is skipped.

# One precompiled header, built once with the base library and reused by every folder.
function(carryall_share_pch target)
  target_precompile_headers(${target} REUSE_FROM carryall_base)
endfunction()

function(carryall_folder name)
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")
  if(sources)
    add_library(carryall_${name} STATIC ${sources})
    target_include_directories(carryall_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(carryall_${name} PUBLIC ${ARGN})
    if(name STREQUAL "base")
      target_precompile_headers(carryall_base PRIVATE ${dir}/pch.hpp)
    else()
      carryall_share_pch(carryall_${name})
    endif()
  else()
    # Nothing here yet: pass on what stands to the left, so the chain of folders stays whole.
    add_library(carryall_${name} INTERFACE)
    target_link_libraries(carryall_${name} INTERFACE ${ARGN})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE carryall_${name} carryall_testing GTest::gtest GTest::gtest_main)
    carryall_share_pch(${name}_test)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()

# Builds db/migrations/*.sql into carryall_db, so that the program needs no files beside it.
function(carryall_embed_migrations target)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/db/migrations/*.sql)
  list(SORT files)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME_WE)
    string(REGEX MATCH "^0*([0-9]+)_" _ ${name})
    file(READ ${file} sql)
    string(APPEND entries "        {${CMAKE_MATCH_1}, \"${name}\", R\"sql~(${sql})sql~\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/migrations.cpp @ONLY CONTENT
"// Generated from db/migrations by cmake/folder.cmake.
#include \"db/migrate.hpp\"

const std::vector<carryall::db::Migration>& carryall::db::built_in_migrations() {
    static const std::vector<Migration> all = {
@entries@    };
    return all;
}
")
  target_sources(${target} PRIVATE ${CMAKE_BINARY_DIR}/migrations.cpp)
endfunction()

# Builds one text file into `target` as `std::string_view NAMESPACE::FUNCTION()`, so that the program
# needs no files beside it.
function(carryall_embed_text target file header namespace name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cpp @ONLY CONTENT
"// Generated from ${file} by cmake/folder.cmake.
#include \"${header}\"

std::string_view ${namespace}::${name}() {
    static constexpr char text[] = R\"text~(@text@)text~\";
    return {text, sizeof(text) - 1};
}
")
  target_sources(${target} PRIVATE ${CMAKE_BINARY_DIR}/${name}.cpp)
endfunction()
