"""The page where a founder moves a few numbers and sees what becomes of waiting, promises and the bill."""
