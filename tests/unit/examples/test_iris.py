"""Does the smallest example reach what it is known for?"""

import pandas as pd
from sklearn.model_selection import train_test_split

from examples.iris import flowers
from examples.iris.recipe import make_pipeline


def test_five_new_flowers_are_held_out_by_the_split_of_the_spec():
    frame = flowers.flowers()
    fitted, held = train_test_split(frame, test_size=0.3, random_state=42)
    new = pd.DataFrame(flowers.instances())
    pd.testing.assert_frame_equal(
        held.head(5).drop(columns="species").reset_index(drop=True), new, check_dtype=False
    )
    model = make_pipeline().fit(fitted.drop(columns="species"), fitted["species"])
    assert model.predict(new).tolist() == [1, 0, 2, 1, 1]


def test_the_written_file_holds_every_flower(tmp_path):
    file = flowers.write(tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(file), flowers.flowers())
