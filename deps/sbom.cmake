# The bill of materials: SPDX 2.3 JSON of Penstock and of the libraries that deps.cmake found, into
# <build>/penstock.spdx.json. What is dynamically linked may be replaced by a later one at run time;
# what says STATIC_LINK is inside the program.
set(sbom_license_libuv MIT)
set(sbom_license_openssl Apache-2.0)
set(sbom_license_libyaml MIT)
set(sbom_license_hiredis BSD-3-Clause)
set(sbom_license_hiredis_ssl BSD-3-Clause)
set(sbom_license_llhttp MIT)
set(sbom_license_yyjson MIT)
set(sbom_license_pcre2 BSD-3-Clause)

function(sbom_package out id name version license where)
    set(${out} "    {
      \"SPDXID\": \"SPDXRef-${id}\",
      \"name\": \"${name}\",
      \"versionInfo\": \"${version}\",
      \"downloadLocation\": \"NOASSERTION\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"${license}\",
      \"licenseDeclared\": \"${license}\",
      \"copyrightText\": \"NOASSERTION\",
      \"comment\": \"${where}\",
      \"externalRefs\": [{
        \"referenceCategory\": \"PACKAGE-MANAGER\",
        \"referenceType\": \"purl\",
        \"referenceLocator\": \"pkg:generic/${name}@${version}\"
      }]
    }" PARENT_SCOPE)
endfunction()

function(sbom_write file)
    sbom_package(packages Package-penstock penstock "${PROJECT_VERSION}" Apache-2.0 "this program")
    set(relations "    { \"spdxElementId\": \"SPDXRef-DOCUMENT\", \"relationshipType\": \"DESCRIBES\", \"relatedSpdxElement\": \"SPDXRef-Package-penstock\" }")
    foreach(row IN LISTS PENSTOCK_LIBRARIES)
        string(REPLACE " " ";" row "${row}")
        list(GET row 0 name)
        list(GET row 1 version)
        list(GET row 2 where)
        if(NOT DEFINED sbom_license_${name})
            message(FATAL_ERROR "deps/sbom.cmake: the licence of ${name} is missing")
        endif()
        sbom_package(package Package-${name} ${name} ${version} ${sbom_license_${name}} "found: ${where}")
        get_target_property(library penstock::${name} IMPORTED_LOCATION)
        set(link DYNAMIC_LINK)
        if(library MATCHES "\\.a$")
            set(link STATIC_LINK)
        endif()
        string(APPEND packages ",\n${package}")
        string(APPEND relations ",\n    { \"spdxElementId\": \"SPDXRef-Package-penstock\", \"relationshipType\": \"${link}\", \"relatedSpdxElement\": \"SPDXRef-Package-${name}\" }")
    endforeach()
    string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC) # SOURCE_DATE_EPOCH, where it is set
    string(SHA256 digest "${packages}${relations}")
    string(SUBSTRING "${digest}" 0 16 digest)
    file(WRITE "${file}" "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"penstock-${PROJECT_VERSION}\",
  \"documentNamespace\": \"https://spdx.org/spdxdocs/penstock-${PROJECT_VERSION}-${digest}\",
  \"creationInfo\": { \"created\": \"${now}\", \"creators\": [\"Tool: penstock-deps-sbom.cmake\"] },
  \"packages\": [
${packages}
  ],
  \"relationships\": [
${relations}
  ]
}
")
endfunction()

sbom_write("${CMAKE_BINARY_DIR}/penstock.spdx.json")
