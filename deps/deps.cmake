# How each library is found: (1) on the system, if its header says it is new enough; (2) what is
# missing on a Debian with apt is unpacked into <build>/deps by deps/fetch-debian; (3) else one message
# says what is missing and how to install it. -DPENSTOCK_DEPS=system forbids (2). No sources are downloaded:
# nothing comes from anywhere but the distribution.
#
# Result: targets penstock::<library> and the table PENSTOCK_LIBRARIES ("name version where").
# Targets are our own with full paths: the .pc and CMake files of unpacked packages point into /usr.
set(PENSTOCK_DEPS "auto" CACHE STRING "Where libraries may come from: auto, system")
set_property(CACHE PENSTOCK_DEPS PROPERTY STRINGS auto system)
if(NOT PENSTOCK_DEPS MATCHES "^(auto|system)$")
    message(FATAL_ERROR "PENSTOCK_DEPS is \"${PENSTOCK_DEPS}\"; it is auto (what Debian 12 lacks is unpacked out of "
        "Debian's packages), or system (only what is installed)")
endif()

set(PENSTOCK_LIBRARIES "")
set(deps_missing "")
set(deps_tree "${CMAKE_BINARY_DIR}/deps")

# name, header, library names, minimum version, regular expressions of major, minor and patch
function(deps_version out file major minor patch)
    file(READ "${file}" text)
    set(version "")
    foreach(pattern IN ITEMS "${major}" "${minor}" "${patch}")
        if(pattern AND text MATCHES "${pattern}")
            string(APPEND version ".${CMAKE_MATCH_1}")
        endif()
    endforeach()
    string(REGEX REPLACE "^\\." "" version "${version}")
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

function(deps_look name header library minimum major minor patch include_dirs library_dirs found)
    unset(inc CACHE)
    unset(lib CACHE)
    find_path(inc ${header} PATHS ${include_dirs} NO_DEFAULT_PATH)
    find_library(lib NAMES ${library} PATHS ${library_dirs} NO_DEFAULT_PATH)
    if(NOT include_dirs)
        find_path(inc ${header})
        find_library(lib NAMES ${library})
    endif()
    set(${found} FALSE PARENT_SCOPE)
    if(inc AND lib)
        set(version_file "${inc}/${header}")
        if(name STREQUAL "hiredis_ssl") # its own header has no version
            set(version_file "${inc}/hiredis/hiredis.h")
        elseif(name STREQUAL "libuv")
            set(version_file "${inc}/uv/version.h")
        elseif(name STREQUAL "openssl")
            # Debian keeps opensslv.h in the multiarch folder.
            file(GLOB candidates "${inc}/openssl/opensslv.h"
                 "${inc}/${CMAKE_LIBRARY_ARCHITECTURE}/openssl/opensslv.h")
            list(GET candidates 0 version_file)
        endif()
        if(name STREQUAL "libyaml")
            # Its header has no version: that of its .pc file, else at least this one.
            get_filename_component(where "${lib}" DIRECTORY)
            set(version "${minimum}")
            if(EXISTS "${where}/pkgconfig/yaml-0.1.pc")
                deps_version(version "${where}/pkgconfig/yaml-0.1.pc" "Version: ([0-9.]+)" "" "")
            endif()
        else()
            deps_version(version "${version_file}" "${major}" "${minor}" "${patch}")
        endif()
        if(version VERSION_GREATER_EQUAL minimum)
            set(${found} TRUE PARENT_SCOPE)
            set(deps_inc "${inc}" PARENT_SCOPE)
            set(deps_lib "${lib}" PARENT_SCOPE)
            set(deps_found_version "${version}" PARENT_SCOPE)
        endif()
    endif()
    unset(inc CACHE)
    unset(lib CACHE)
endfunction()

function(deps_target name where)
    add_library(penstock::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(penstock::${name} PROPERTIES
        IMPORTED_LOCATION "${deps_lib}"
        INTERFACE_INCLUDE_DIRECTORIES "${deps_inc}"
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${deps_inc}")
    list(APPEND PENSTOCK_LIBRARIES "${name} ${deps_found_version} ${where}")
    set(PENSTOCK_LIBRARIES "${PENSTOCK_LIBRARIES}" PARENT_SCOPE)
endfunction()

macro(deps_need name header library minimum major minor patch)
    set(deps_ok FALSE)
    deps_look(${name} "${header}" "${library}" ${minimum} "${major}" "${minor}" "${patch}" "" "" deps_ok)
    set(deps_where "system")
    if(NOT deps_ok AND PENSTOCK_DEPS STREQUAL "auto" AND "${name}" MATCHES "^(hiredis|hiredis_ssl|llhttp|yyjson)$")
        deps_fetch_debian()
        file(GLOB deps_libdirs "${deps_tree}/usr/lib/*-linux-*" "${deps_tree}/usr/lib")
        deps_look(${name} "${header}" "${library}" ${minimum} "${major}" "${minor}" "${patch}"
                  "${deps_tree}/usr/include" "${deps_libdirs}" deps_ok)
        set(deps_where "debian-trixie")
    endif()
    if(deps_ok)
        deps_target(${name} ${deps_where})
    else()
        list(APPEND deps_missing "${name} >= ${minimum}")
    endif()
endmacro()

macro(deps_fetch_debian)
    find_program(deps_apt apt-get)
    if(deps_apt AND NOT deps_fetch_tried)
        set(deps_fetch_tried TRUE)
        execute_process(COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/fetch-debian" "${deps_tree}"
                        RESULT_VARIABLE deps_rc)
        if(NOT deps_rc EQUAL 0)
            message(WARNING "deps/fetch-debian failed; looking on without it")
        endif()
    endif()
endmacro()

set(V "[ \t]+([0-9]+)")
deps_need(libuv "uv.h" "uv" 1.44 "UV_VERSION_MAJOR${V}" "UV_VERSION_MINOR${V}"
          "UV_VERSION_PATCH${V}")
deps_need(openssl "openssl/ssl.h" "ssl" 3.0 "OPENSSL_VERSION_MAJOR${V}"
          "OPENSSL_VERSION_MINOR${V}" "OPENSSL_VERSION_PATCH${V}")
deps_need(libyaml "yaml.h" "yaml" 0.2.5 "" "" "")
deps_need(hiredis "hiredis/hiredis.h" "libhiredis.a;hiredis" 1.1 "HIREDIS_MAJOR${V}"
          "HIREDIS_MINOR${V}" "HIREDIS_PATCH${V}")
deps_need(hiredis_ssl "hiredis/hiredis_ssl.h" "libhiredis_ssl.a;hiredis_ssl" 1.1
          "HIREDIS_MAJOR${V}" "HIREDIS_MINOR${V}" "HIREDIS_PATCH${V}")
deps_need(llhttp "llhttp.h" "libllhttp.a;llhttp" 9.2 "LLHTTP_VERSION_MAJOR${V}"
          "LLHTTP_VERSION_MINOR${V}" "LLHTTP_VERSION_PATCH${V}")
deps_need(yyjson "yyjson.h" "yyjson" 0.8 "YYJSON_VERSION_MAJOR${V}"
          "YYJSON_VERSION_MINOR${V}" "YYJSON_VERSION_PATCH${V}")
deps_need(pcre2 "pcre2.h" "pcre2-8" 10.40 "PCRE2_MAJOR${V}" "PCRE2_MINOR${V}" "")

if(deps_missing)
    list(JOIN deps_missing ", " deps_text)
    message(FATAL_ERROR "Libraries missing or too old: ${deps_text}\n"
        "  Debian 13:  apt-get install libuv1-dev libssl-dev libyaml-dev libhiredis-dev libllhttp-dev libpcre2-dev libyyjson-dev\n"
        "  Fedora:     dnf install libuv-devel openssl-devel libyaml-devel hiredis-devel llhttp-devel pcre2-devel yyjson-devel\n"
        "  Alpine:     apk add libuv-dev openssl-dev yaml-dev hiredis-dev llhttp-dev pcre2-dev yyjson-dev\n"
        "  macOS:      brew install libuv openssl@3 libyaml hiredis llhttp pcre2 yyjson\n"
        "or, on a Debian with apt, let the build fetch them: -DPENSTOCK_DEPS=auto")
endif()

# libcrypto comes with libssl; hiredis' own headers are reached as <hiredis/...>.
find_library(deps_crypto crypto)
set_property(TARGET penstock::openssl APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${deps_crypto}")
set_property(TARGET penstock::hiredis_ssl APPEND PROPERTY INTERFACE_LINK_LIBRARIES
             penstock::hiredis penstock::openssl)

message(STATUS "Libraries:")
foreach(row IN LISTS PENSTOCK_LIBRARIES)
    message(STATUS "  ${row}")
endforeach()
