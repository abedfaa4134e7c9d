"""Pictures, and later reports: each picture is a tested data function and a thin renderer."""
