"""The smallest nets of study D: parameters that their experiments share."""

NETS = {
    "data": "shapes",
    "architecture": "mini",
    "seeds": 2,
    "size": 16,
    "width": 4,
    "training_images": 100,
    "epochs": 1,
    "few_images": 50,
    "few_epochs": 1,
    "batch_size": 50,
    "learning_rate": 0.05,
    "dtype": "float32",
    "pool": 20,
    "images": 2,
    "photographs": 1,
}
