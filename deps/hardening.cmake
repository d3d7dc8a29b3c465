# What the compiler and the linker can do against bugs that remain, each if they know it: gcc 12 to 14
# and clang, amd64 and arm64. For builds without a sanitizer: those watch more, and the two do not mix.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

function(harden_compile)
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "harden${flag}" known)
        set(CMAKE_REQUIRED_FLAGS -Werror) # clang only warns of what it does not know
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            target_compile_options(penstock_flags INTERFACE ${flag})
        endif()
    endforeach()
endfunction()

function(harden_link)
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "harden${flag}" known)
        check_linker_flag(C ${flag} ${known})
        if(${known})
            target_link_options(penstock_flags INTERFACE ${flag})
        endif()
    endforeach()
endfunction()

harden_compile(
    -Wtrampolines -Wbidi-chars=any
    -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
    -fstack-protector-strong -fstack-clash-protection
    -ftrivial-auto-var-init=zero # what a bug reads uninitialised is nothing of ours
    -fno-delete-null-pointer-checks -fno-strict-overflow
    -fstrict-flex-arrays=3
    -fPIE)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)")
    harden_compile(-mbranch-protection=standard)
else()
    harden_compile(-fcf-protection=full)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # fortify needs an optimizer
    target_compile_options(penstock_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    harden_compile(-fzero-call-used-regs=used-gpr)
endif()
target_link_options(penstock_flags INTERFACE -pie)
harden_link(-Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,nodlopen -Wl,--as-needed)
