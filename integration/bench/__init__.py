"""What wgd costs against the number of peers, beside the tools that a person would use instead."""
