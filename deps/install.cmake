# cmake --install: the program and what an operator expects beside it. cpack: the same as a .deb (made
# on Debian 13, where every library is a package).
include(GNUInstallDirs)

set(package_dir "${CMAKE_SOURCE_DIR}/deps/package")
set(man_page "${CMAKE_BINARY_DIR}/penstock.1")
if(CMAKE_CROSSCOMPILING)
    message(STATUS "No manual page: it is made by running the program")
else()
    add_custom_command(OUTPUT "${man_page}"
        COMMAND sh "${package_dir}/man" $<TARGET_FILE:penstock> "${man_page}"
        DEPENDS penstock "${package_dir}/man" VERBATIM)
    add_custom_target(man ALL DEPENDS "${man_page}")
    install(FILES "${man_page}" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/CHANGELOG.md"
              "${CMAKE_BINARY_DIR}/penstock.spdx.json" DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
foreach(inside hiredis llhttp) # linked into the program where they come from packages
    install(FILES "/usr/share/doc/lib${inside}-dev/copyright" OPTIONAL
        DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright.${inside})
endforeach()
install(FILES "${CMAKE_SOURCE_DIR}/docker/penstock.yaml"
              "${CMAKE_SOURCE_DIR}/docker/penstock.schema.json" # where the sample's first line looks
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/penstock)
install(FILES "${package_dir}/penstock.service" "${package_dir}/penstock.socket"
        DESTINATION lib/systemd/system)
install(FILES "${package_dir}/penstock.sysusers" DESTINATION lib/sysusers.d RENAME penstock.conf)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME penstock)
set(CPACK_PACKAGE_CONTACT "The Penstock developers <penstock@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "webhook relay: verifies, stores durably, delivers to every destination")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "ca-certificates, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "redis-server | valkey-server") # for the embedded store
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${package_dir}/postinst" "${package_dir}/prerm" "${package_dir}/postrm" "${package_dir}/conffiles")
include(CPack)
