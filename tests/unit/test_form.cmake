plugin_lib(test_form form)
