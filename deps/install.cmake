# cmake --install: the program and what an operator expects beside it.
include(GNUInstallDirs)
install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" "${CMAKE_SOURCE_DIR}/CHANGELOG.md"
              "${CMAKE_BINARY_DIR}/penstock.spdx.json" DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES "${CMAKE_SOURCE_DIR}/docker/penstock.yaml"
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/penstock)
